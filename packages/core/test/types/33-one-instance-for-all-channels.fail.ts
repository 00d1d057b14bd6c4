// expect: Argument of type 'Text' is not assignable to parameter of type '"a function that makes a new handler: () => new …; a list of handlers is spread: ...list"'
import { pipeline } from '@headrace/core';
import { Frames, Text } from './handlers.ts';

pipeline().add(
  () => new Frames(),
  new Text(), // here
);
