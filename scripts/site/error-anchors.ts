/**
 * Gives every code of docs/errors.md an address, `errors#hr_err_frame_too_long`. A code with a heading has one
 * already; a code in the first cell of a table gets an anchor there.
 */
export function errorAnchors(text: string): string {
  return text.replace(/^\| `(HR_ERR_\w+)` \|/gm, (row, code: string) => {
    const hasHeading = new RegExp(`^#+ \`?${code}\`?\\s*$`, 'm').test(text);
    return hasHeading ? row : `| <a id="${code.toLowerCase()}"></a>\`${code}\` |`;
  });
}
