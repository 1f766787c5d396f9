// What the page's views share. Only `tsc` reads this file.

import type { Filter, Now, Run, Value } from "./answers";

/** Red, green, blue and opacity, 0…255. */
export type Pixel = [number, number, number, number];

/** What all views share. */
export interface Page {
  run: Run;
  /** How far the run is; `null` until the server has said it. */
  now: Now | null;
  /** Name of the palette. */
  palette: string;
  /** The filter that was last chosen. */
  filter: Filter;
  lastImage: string;
  /** Where the gallery was left. */
  left: { filter: string; at: number } | null;
}

/** Parameters of an address. */
export type Parameters = Record<string, string | undefined>;

export interface View {
  element: HTMLElement;
  update?(id: string, values: Parameters): unknown;
  /** Whether the key was one of the view's own. */
  key?(event: KeyboardEvent): boolean;
  /** The server has said how far the run is. */
  tell?(now: Now): unknown;
  /** The run's files have changed, and `page.run` with them. */
  changed?(): unknown;
  /** Theme or palette have changed. */
  repaint?(): unknown;
  leave?(): void;
}

export type Mode = "beside" | "stack";
export type Side = "before" | "after";
/** A pixel of the image. */
export type Point = { x: number; y: number };
/** What one panel shows. */
export interface Group {
  title: string;
  note?: string;
  /** Whether the image lies below. */
  base: boolean;
  paints: HTMLCanvasElement[];
}

export type Child = Node | string | null | undefined | false | readonly Child[];
export type Attribute = Value | null | undefined | ((event: Event) => unknown) | Partial<CSSStyleDeclaration>;
export type Attributes = Record<string, Attribute>;
