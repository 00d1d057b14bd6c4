// A loader: each description of options that core makes is noted, with the stack of the call.
export async function load(url, context, next) {
  const loaded = await next(url, context);
  if (!url.endsWith('/core/src/internal/option-set.ts')) return loaded;
  const note = '$&\n globalThis.describedOptions?.push({ set: this, stack: new Error().stack });';
  const source = Buffer.from(loaded.source).toString().replace('this.owner = owner;', note);
  return { ...loaded, source };
}
