import type { Theme } from 'vitepress';
import DefaultTheme from 'vitepress/theme-without-fonts';
import RunSample from './RunSample.vue';
import './style.css';

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component('RunSample', RunSample);
  },
} satisfies Theme;
