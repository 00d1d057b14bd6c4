import type { Theme } from 'vitepress';
import DefaultTheme from 'vitepress/theme-without-fonts';
import LivePipeline from './LivePipeline.vue';
import RunSample from './RunSample.vue';
import './style.css';

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    app.component('LivePipeline', LivePipeline);
    app.component('RunSample', RunSample);
  },
} satisfies Theme;
