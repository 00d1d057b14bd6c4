// Parts of VitePress's theme that are pictures, and say that they are more.

export function makePicturesPlain(): void {
  // A group of the sidebar is a button. The caret within it does the same: no button in a button.
  for (const caret of document.querySelectorAll('.VPSidebarItem [role="button"] .caret')) {
    for (const name of ['role', 'tabindex', 'aria-label']) caret.removeAttribute(name);
  }
  // The keys of the search are not its name.
  for (const keys of document.querySelectorAll('.DocSearch-Button-Keys')) {
    keys.setAttribute('aria-hidden', 'true');
  }
}
