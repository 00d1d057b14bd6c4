// expect: is not assignable to parameter of type 'Misfit<App, "reads", Request, "but", Text, "passes on", string>
import { pipeline } from '@headrace/core';
import { App, Text } from './handlers.ts';

pipeline().add(
  () => new Text(),
  () => new App(), // here
  () => new App(),
);
