// Settings come from the environment. A wrong one is an error that names it, before anything starts.

/** A whole number; without the variable, or with an empty one, `fallback`. */
export function numberSetting(
  name: string,
  fallback: number,
  { min, max }: { readonly min: number; readonly max: number },
): number {
  const text = process.env[name]?.trim();
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`${name} is "${text}", but must be a whole number from ${min} to ${max}`);
}

/** A port to listen on; 0 takes a free one. */
export function portSetting(name: string, fallback: number): number {
  return numberSetting(name, fallback, { min: 0, max: 65_535 });
}

/** A text; without the variable, or with an empty one, `fallback`. */
export function textSetting(name: string, fallback: string): string {
  return process.env[name]?.trim() || fallback;
}
