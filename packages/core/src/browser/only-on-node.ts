/** Stands in a page for an export that needs Node: says so when it is called, or made. */
export function onlyOnNode(name: string): unknown {
  return function needsNode(): never {
    throw new TypeError(
      `${name} needs Node.js, and this is Headrace's build for browsers; ` +
        'a bundler takes the one for Node by the condition "node"',
    );
  };
}
