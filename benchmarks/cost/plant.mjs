// Preloaded to change sources while they are loaded: no file is written. PLANTED is JSON, { file, find, replace }.
import { register } from 'node:module';

const hooks = `
  let planted;
  export function initialize(data) { planted = data; }
  export async function load(url, context, next) {
    const loaded = await next(url, context);
    if (!url.endsWith(planted.file)) return loaded;
    const parts = String(loaded.source).split(planted.find);
    if (parts.length !== 2) throw new Error(planted.file + ' has not once: ' + planted.find);
    return { ...loaded, source: parts.join(planted.replace) };
  }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`, {
  data: JSON.parse(process.env.PLANTED),
});
