import { pipeline } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { toFunction } from '../../src/bootstrap/bootstrap-options.ts';

it('a function that returns a pipeline() and adds nothing is refused with the cure', () => {
  const build = toFunction((() => pipeline()) as never);
  expect(() => build(new EmbeddedChannel())).toThrow('pass the pipeline() itself');
  expect(() => toFunction(pipeline() as never)(new EmbeddedChannel())).not.toThrow();
});
