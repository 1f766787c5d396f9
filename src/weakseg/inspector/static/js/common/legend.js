// What a colour means.

/** @import { Colour } from "../../../types/answers" */
/** @import { Page } from "../../../types/page" */

import { h } from "./dom.js";

/** @type {(page: Page) => Colour[]} background, the classes, undecided */
export const coloursOf = ({ run: { palettes }, palette }) => palettes[palette] ?? palettes.voc;

/** @type {(colour: Colour | string, text: string) => HTMLElement} a colour, or a class of the style sheet */
export const entry = (colour, text) =>
  h(
    "li",
    {},
    typeof colour === "string"
      ? h("span", { class: `swatch ${colour}` })
      : h("span", { class: "swatch", style: { background: `rgb(${colour})` } }),
    text,
  );
