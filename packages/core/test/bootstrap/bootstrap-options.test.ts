import { pipeline } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { builderOf } from '../../src/bootstrap/bootstrap-options.ts';

it('a function that returns a pipeline() and adds nothing is refused with the cure', () => {
  const build = builderOf('.handler', () => pipeline());
  expect(() => build(new EmbeddedChannel())).toThrow('pass the pipeline() itself');
  expect(() => builderOf('.handler', pipeline())(new EmbeddedChannel())).not.toThrow();
});
