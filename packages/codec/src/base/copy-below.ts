import { checkNumber, custom } from '@headrace/core/authoring';

/** A size in bytes, or `false` to copy nothing. `false` becomes 0. */
export const COPY_BELOW = custom(
  'a whole number from 1 to Infinity, or false for off',
  (name, bytes: number | false) =>
    bytes === false ? 0 : checkNumber(name, bytes, { min: 1, integer: true }),
  { default: false },
  true,
);
