/** Whether an element is shown as the device can show it: not turned, mirrored or distorted. */
import { parentOf } from "./clip.js";

/** Ancestors looked at. */
const MAX_DEPTH = 200;
/** Less than this bends a picture by less than a pixel. */
const STRAIGHT = 1e-4;

/** Looks at the element and all that is around it in its document. */
export function isUpright(element: Element): boolean {
  let at: Element | null = element;
  for (let depth = 0; at && depth < MAX_DEPTH; depth++, at = parentOf(at)) {
    const { transform, rotate, scale } = getComputedStyle(at);
    if (rotate !== "none" && !/^0(deg|rad|turn|grad)$/.test(rotate)) return false;
    if (scale.includes("-")) return false;
    if (transform !== "none" && !isStraight(new DOMMatrixReadOnly(transform))) return false;
  }
  return true;
}

/** Scales and moves only. */
export function isStraight(matrix: DOMMatrixReadOnly): boolean {
  const { m11, m22, m12, m13, m14, m21, m23, m24, m31, m32, m34 } = matrix;
  const bends = [m12, m13, m14, m21, m23, m24, m31, m32, m34];
  return m11 > 0 && m22 > 0 && bends.every((value) => Math.abs(value) < STRAIGHT);
}
