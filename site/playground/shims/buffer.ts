// The packages' own Buffer of pages: what a sample meets here is what its reader's page will have.
import { Buffer, constants, isUtf8 } from '../../../packages/core/src/browser/node-buffer.ts';

export { Buffer, constants, isUtf8 };
export const kMaxLength = constants.MAX_LENGTH;
export const { atob, btoa, Blob } = globalThis;

export function isAscii(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte < 0x80);
}

const buffer = { Buffer, constants, isAscii, isUtf8, kMaxLength };
/** As the polyfills of Node's streams ask for it. */
export const d = (): typeof buffer => buffer;
export default buffer;
