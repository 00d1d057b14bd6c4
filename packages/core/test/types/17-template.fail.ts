// expect: CannotRead<App, Request, Text, string>
import { pipeline } from '@headrace/core';
import { App, Text } from './handlers.ts';

pipeline().add(
  () => new Text(),
  () => new App(),
);
