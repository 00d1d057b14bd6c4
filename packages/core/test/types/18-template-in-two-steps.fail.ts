// expect: is not assignable to parameter of type 'Misfit<Numbers, "reads", string, "but", ThePipelineSoFar, "passes on", Request>
import { pipeline } from '@headrace/core';
import { Numbers, Rpc, Text } from './handlers.ts';

const rpc = pipeline().add(
  () => new Text(),
  () => new Rpc(),
);
rpc.add(() => new Numbers());
