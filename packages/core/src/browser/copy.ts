// If a page has two copies of core, they are in one bundle and cannot be distinguished. Therefore, no copy is recorded.
export {};
