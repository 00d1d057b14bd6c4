// `prepublishOnly` of every package: npm would publish a folder as it is, with `workspace:^` in place of versions, the entries of
// the sources, and whatever dist has. `npm run release:publish` builds, and publishes what npm does not have.
if (process.env.HEADRACE_RELEASE !== '1') {
  process.stderr.write(
    'A package is not published from its folder. Publish from the root of the repository: npm run release:publish ' +
      '(RELEASING.md).\n',
  );
  process.exit(1);
}
