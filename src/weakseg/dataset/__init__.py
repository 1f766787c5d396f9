"""Dataset room: three ways in (VOC layout, table, generated demo), one index out."""
