const CODE = /(`[^`\n]*`)/;

/** Comments as Markdown: `<` and `{{` are text for Vue, except in code, where Markdown makes them text itself. */
export const withoutTags = (text) =>
  text
    .split(CODE)
    .map((part, index) =>
      index % 2 === 1 ? part : part.replaceAll('<', '&lt;').replaceAll('{{', '&#123;&#123;'),
    )
    .join('');

/** The rows of tables, with each `|` of their code as a part of its cell. */
export const withWholeCells = (markdown) =>
  markdown.replace(/^\|.*$/gm, (row) =>
    row
      .split(CODE)
      .map((part, index) => (index % 2 === 1 ? part.replace(/(?<!\\)\|/g, '\\|') : part))
      .join(''),
  );
