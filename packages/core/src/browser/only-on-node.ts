/** Replaces an export that needs Node, in a page. It throws an error when it is called. */
export function onlyOnNode(name: string): unknown {
  return function needsNode(): never {
    throw new TypeError(
      `${name} needs Node.js, and this is Headrace's build for browsers; ` +
        'a bundler takes the one for Node by the condition "node"',
    );
  };
}
