// The exports that the package `@headrace/tabs` has now. Each refuses its calls, as a function or as a class.

function moved(name: string): () => never {
  return function refuse() {
    throw new Error(`${name} is an export of @headrace/tabs now: npm install @headrace/tabs`);
  };
}

/** @internal */
export const OwnConnectionEvent = /* @__PURE__ */ moved('OwnConnectionEvent');
/** @internal */
export const PortTransport = /* @__PURE__ */ moved('PortTransport');
/** @internal */
export const SharedWorkerBootstrap = /* @__PURE__ */ moved('SharedWorkerBootstrap');
/** @internal */
export const TabServer = /* @__PURE__ */ moved('TabServer');
