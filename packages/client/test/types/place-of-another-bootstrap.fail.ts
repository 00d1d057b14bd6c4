// expect: is not assignable to type
import { RequestClient } from '@headrace/client';
import { Bootstrap } from '@headrace/core';
import type { JsonRpcExchange } from '@headrace/rpc';

new RequestClient<JsonRpcExchange>({
  client: { bootstrap: new Bootstrap(), addresses: [7000] }, // here
});
