// expect: CannotRead<Numbers, string, ThePipelineSoFar, Request>
import { pipeline } from '@headrace/core';
import { Numbers, Rpc, Text } from './handlers.ts';

const rpc = pipeline().add(
  () => new Text(),
  () => new Rpc(),
);
rpc.add(() => new Numbers());
