// A page that has two copies of core has them in one bundle, where nothing tells them apart: none is noted.
export {};
