// A loader: each description of options that core makes is noted, with the stack of the call.
const MADE = 'this.owner = owner;';

export async function load(url, context, next) {
  const loaded = await next(url, context);
  if (!url.endsWith('/core/src/option/option-set.ts')) return loaded;
  const text = Buffer.from(loaded.source).toString();
  if (!text.includes(MADE)) throw new Error(`${url} has no "${MADE}": no set would be noted`);
  const note = '$&\n globalThis.describedOptions?.push({ set: this, stack: new Error().stack });';
  return { ...loaded, source: text.replace(MADE, note) };
}
