// Every name is this page.
type Found = (error: Error | null, address: unknown, family?: number) => void;

export function lookup(_host: string, options: { all?: boolean } | Found, callback?: Found): void {
  const found = typeof options === 'function' ? options : callback!;
  const all = typeof options === 'object' && options.all === true;
  queueMicrotask(() => {
    if (all) found(null, [{ address: '127.0.0.1', family: 4 }]);
    else found(null, '127.0.0.1', 4);
  });
}

export function resolve(_host: string, ...more: unknown[]): void {
  const found = more.at(-1) as (error: null, addresses: readonly string[]) => void;
  queueMicrotask(() => found(null, ['127.0.0.1']));
}

export const ADDRCONFIG = 1024;
export const promises = {
  lookup: async () => ({ address: '127.0.0.1', family: 4 }),
};
export default { ADDRCONFIG, lookup, promises, resolve };
