/** The little that the popup needs to build elements. */

/** The element of popup.html with this id; a missing one is an error of ours. */
export function byId<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`popup.html has no ${type.name} #${id}`);
  return found;
}

/** A new element with a class, and texts and elements in it. Texts are never markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className: string,
  ...content: (string | Element)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.className = className;
  made.append(...content);
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** A circle with a check mark, or with a dash. */
export function mark(checked: boolean): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "mark");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", checked ? "Enabled" : "Not enabled");
  const circle = document.createElementNS(SVG, "circle");
  for (const name of ["cx", "cy", "r"]) circle.setAttribute(name, "10");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", checked ? "M5.8 10.4 8.8 13.2 14.2 7.2" : "M7 10h6");
  svg.append(circle, path);
  return svg;
}
