/** A page lends no reads, so that it does not matter which handlers keep them. */
export function countDeclared(): number {
  return -1;
}

export function stillDeclared(): boolean {
  return false;
}
