import { appendFileSync } from 'node:fs';

/** What a proof measured, for the file that the variable FIGURES names. */
export function noteFigures(proof: string, figures: object): void {
  const file = process.env['FIGURES'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ proof, ...figures })}\n`);
}
