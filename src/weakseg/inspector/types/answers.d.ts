// What the server answers, see server.py. Only `tsc` reads this file.

/** Red, green and blue, 0…255. */
export type Colour = [number, number, number];
/** The gallery's filter and order; an empty text is no restriction. */
export type Filter = Record<"label" | "split" | "state" | "text" | "warning" | "sort" | "order", string>;
export type Decision = "" | "accepted" | "rejected";
export type Measure = "doubt" | "iou" | "prediction_iou" | "undecided" | "changed" | "disagreement";
type Share = number | null;

// ---------------------------------------------------------------- GET /api/run

export interface Run {
  name: string;
  version: string;
  /** Part of the addresses of pictures; changes with every start of the server, and with the stamp. */
  start: string;
  /** Changes when a file of the run does. */
  stamp: string;
  classes: string[];
  /** Background, the classes, undecided. */
  palettes: Record<string, Colour[]>;
  /** Split → number of images. */
  splits: Record<string, number>;
  measures: Measure[];
  /** All that can be scored, in the order of the chain. */
  stages: { name: string; title: string }[];
  summary: Summary;
  /** Training → column → values. */
  histories: Record<string, History>;
  warnings: Warning[];
  knobs: Knobs;
  review: Counts;
}

/** Column → values; `null` where one is not finite. */
export type History = { iteration: number[] } & Record<string, (number | null)[]>;

/** What a health check finds. */
export interface Warning {
  /** Stage and signal: `attention_maps/attention.empty`. */
  name: string;
  found: string;
  usually: string;
  remedy: string;
  /** How many images it names. */
  images: number;
}

// ---------------------------------------------------------------- GET /api/now

export interface Now {
  stamp: string;
  stages: StageNow[];
  /** Curves of the trainings at work. */
  histories: Run["histories"];
}

export interface StageNow {
  name: string;
  title: string;
  state: "finished" | "working" | "silent" | "waiting" | "reused";
  share: number;
  done: number;
  total: number;
  unit: string;
  rate: number | null;
  seconds_left: number | null;
  /** Finished shards, of all shards. */
  parts: number;
  shards: number;
  note: string;
  miou: Share;
  /** Line of its health check. */
  health: string;
  warnings: number;
}

/** Lengths of the review's lists. */
export type Counts = Record<string, number>;

export interface Summary {
  scores?: Record<string, Score>;
  rules?: Record<string, Cost> | null;
  ceiling?: { weak: Share; full: Share; ratio: Share } | null;
  localisation?: { gt_known: Share; cases: number } | null;
  /** In sentences. */
  supervision?: string | null;
  images_per_second?: Record<string, number> | null;
}

export interface Score {
  split: string;
  images: number;
  miou: Share;
  undecided: Share;
  miou_undecided_wrong: Share;
  miou_undecided_background: Share;
  pixel_accuracy: Share;
  per_class?: Record<string, Share>;
}

export interface Cost {
  jobs: number;
  seconds: number;
  /** Units of 2²⁰ bytes, as Snakemake counts. */
  memory_mb: number | null;
}

export type Value = number | boolean | string;
export type Values = Record<string, Value>;

interface AnyKnob<Kind extends string, Held extends Value> {
  kind: Kind;
  name: string;
  help: string;
  value: Held;
}
export type RangeKnob = AnyKnob<"range", number> & { least: number; most: number; step: number };
export type SwitchKnob = AnyKnob<"switch", boolean>;
export type ChoiceKnob = AnyKnob<"choice", string> & { choices: string[] };
export type Knob = RangeKnob | SwitchKnob | ChoiceKnob;

export interface Knobs {
  rule: string;
  rules: Record<string, Knob[]>;
  refine: Knob[];
  crf: Knob[];
  preset: string;
  presets: Record<string, Values>;
}

/** The section `proxy` of a configuration. */
export interface Proxy {
  rule: string;
  /** Rule → its values. */
  rules: Record<string, Values>;
  refine: Values;
  crf: Values & { preset: string };
}

// ---------------------------------------------------------------- one image, and lists of images

export interface Row {
  id: string;
  split: string;
  labels: string[];
  decision: Decision;
  flagged: boolean;
  corrected: boolean;
  doubt?: Share;
  iou?: Share;
  prediction_iou?: Share;
  undecided?: Share;
  changed?: Share;
  disagreement?: Share;
}

/** GET /api/images */
export interface Images {
  total: number;
  rows: Row[];
}

/** GET /api/place */
export interface Place {
  /** From 0; `null` where the filter leaves the image out. */
  place: number | null;
  total: number;
  row: Row;
  before: string | null;
  after: string | null;
}

/** POST /api/review, PUT and DELETE /api/corrected */
export interface Decided {
  decision: Decision;
  flagged: boolean;
  corrected: boolean;
  counts: Counts;
}

export interface Layer {
  name: string;
  kind: "image" | "map" | "labels" | "difference" | "change";
  /** height × width; empty for the image itself. */
  values: Uint8Array;
  iou?: Share;
}

export interface Bundle {
  height: number;
  width: number;
  planes: Layer[];
}

/** GET /api/layers */
export interface Layers extends Bundle {
  /** Height and width of the image's file. */
  size: [number, number];
  labels: string[];
}

export interface Scored {
  iou: Share;
  undecided: number;
  /** Confusion matrix; row: truth. Absent without truth. */
  counts?: number[][];
}

/** POST /api/what-if */
export interface Trial extends Bundle {
  seconds: number;
  old: Scored | null;
  new: Scored;
  changed: Share;
}
