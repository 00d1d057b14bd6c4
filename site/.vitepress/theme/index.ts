import { onContentUpdated, type Theme } from 'vitepress';
import DefaultTheme from 'vitepress/theme-without-fonts';
import { h } from 'vue';
import LivePipeline from './LivePipeline.vue';
import MissingPage from './MissingPage.vue';
import { makeCaretsPlain } from './plain-carets.ts';
import { addRunButtons } from './run-buttons.ts';
import TypeIt from './TypeIt.vue';
import './style.css';

export default {
  extends: DefaultTheme,
  Layout: () => h(DefaultTheme.Layout, null, { 'not-found': () => h(MissingPage) }),
  setup: () => {
    onContentUpdated(addRunButtons);
    onContentUpdated(makeCaretsPlain);
  },
  enhanceApp({ app }) {
    app.component('LivePipeline', LivePipeline);
    app.component('TypeIt', TypeIt);
  },
} satisfies Theme;
