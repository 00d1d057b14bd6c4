// expect: Argument of type 'string' is not assignable to parameter of type 'OutboundBytes'
import { binaryExchange, ExchangeHandler } from '@headrace/rpc';

const exchange = new ExchangeHandler({ format: binaryExchange() });

void exchange.request('hello'); // here
