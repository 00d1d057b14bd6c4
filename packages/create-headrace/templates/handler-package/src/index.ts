// All that users of the package may import.
export { RepeatFilterHandler, type RepeatFilterOptions } from './repeat-filter-handler.ts';
