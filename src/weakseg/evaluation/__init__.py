"""Evaluation: scores of attention maps, proxy labels and predictions; the report's tables and figures."""
