// A group of the sidebar is a button. The caret within it does the same, and is a button in a button: it stays a picture.

export function makeCaretsPlain(): void {
  for (const caret of document.querySelectorAll('.VPSidebarItem [role="button"] .caret')) {
    for (const name of ['role', 'tabindex', 'aria-label']) caret.removeAttribute(name);
  }
}
