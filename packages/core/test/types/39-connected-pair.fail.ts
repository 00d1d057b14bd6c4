// expect: Argument of type 'number' is not assignable to parameter of type 'string'
import { connectedPair } from '@headrace/core/testing';
import { Text } from './handlers.ts';

const { client } = connectedPair({ client: ({ pipeline }) => pipeline.addLast(new Text()) });
client.write('text');
client.write(5); // here
