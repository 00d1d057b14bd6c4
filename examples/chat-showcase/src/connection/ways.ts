import { isHttpRequest } from '@headrace/handlers';

// How connections show which way they come in: by their first bytes.

/** Frames are shorter than 64 KiB, so their length begins with a zero, which no text does. */
export const isFrame = (prefix: Buffer): boolean => prefix[0] === 0;

export const isHttp = isHttpRequest;
