// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", ThePipelineSoFar, Request, string>
import { pipeline } from '@headrace/core';
import { Numbers, Rpc, Text } from './handlers.ts';

const rpc = pipeline().add(
  () => new Text(),
  () => new Rpc(),
);
rpc.add(() => new Numbers());
