// Settings come from the environment. A wrong one is an error that names it, before anything starts.
import { readFileSync } from 'node:fs';

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

/** `tls` for `bind` from the files that `TLS_CERT` and `TLS_KEY` name; without both variables nothing: no TLS. */
export function tlsSetting(): { tls?: { cert: string; key: string } } {
  if (textSetting('TLS_CERT', '') === '' && textSetting('TLS_KEY', '') === '') return {};
  return { tls: { cert: pemSetting('TLS_CERT'), key: pemSetting('TLS_KEY') } };
}

/** `tls` for a client: by the authority in the file that `TLS_CA` names, or by those that Node knows if it is `system`. */
export function clientTlsSetting(): { tls?: { ca?: string } } {
  const authority = textSetting('TLS_CA', '');
  if (authority === '') return {};
  return { tls: authority === 'system' ? {} : { ca: pemSetting('TLS_CA') } };
}

/** The text of the PEM file that the variable names. */
export function pemSetting(name: string): string {
  const path = textSetting(name, '');
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`${name} is "${path}", but must be a file in PEM format (${code})`);
  }
}
