/** A page lends no reads, so that it does not matter which handlers keep them. */
export function allDeclared(): boolean {
  return false;
}
