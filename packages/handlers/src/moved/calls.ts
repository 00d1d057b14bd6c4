// The exports of the main entry and of `opentelemetry` that the package `@headrace/rpc` has now.
import { movedName } from './moved.ts';

const RPC = '@headrace/rpc';

/** @internal */
export const AnswerQueue = /* @__PURE__ */ movedName('AnswerQueue', RPC, RPC);
/** @internal */
export const binaryExchange = /* @__PURE__ */ movedName('binaryExchange', RPC, RPC);
/** @internal */
export const ExchangeHandler = /* @__PURE__ */ movedName('ExchangeHandler', RPC, RPC);
/** @internal */
export const jsonRpcExchange = /* @__PURE__ */ movedName('jsonRpcExchange', RPC, RPC);
/** @internal */
export const refusal = /* @__PURE__ */ movedName('refusal', RPC, RPC);
/** @internal */
export const requestAll = /* @__PURE__ */ movedName('requestAll', RPC, RPC);
/** @internal */
export const traceClient = /* @__PURE__ */ movedName('traceClient', `${RPC}/opentelemetry`, RPC);
/** @internal */
export const traceServer = /* @__PURE__ */ movedName('traceServer', `${RPC}/opentelemetry`, RPC);
