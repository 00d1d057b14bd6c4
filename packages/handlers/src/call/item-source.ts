import { type ItemSource, isStreamSource } from '@headrace/core/authoring';

/** Returns true for a generator, another iterator, or an async iterable: a series of values, not one value. */
export function isItemSource(value: unknown): value is ItemSource {
  if (isStreamSource(value)) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.iterator in value && typeof (value as { next?: unknown }).next === 'function';
}
