// expect: is not assignable to parameter of type 'Misfit<"cannot read what its neighbor passes on", Text, string, Request>
import { pipeline } from '@headrace/core';
import { App, Text } from './handlers.ts';

pipeline().add(
  () => new Text(),
  () => new App(), // here
  () => new App(),
);
