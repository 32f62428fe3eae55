/** The default theme, with tables that a reader can take in. */
import DefaultTheme from 'vitepress/theme';
import './tables.css';

// biome-ignore lint/style/noDefaultExport: vitepress reads the default export
export default DefaultTheme;
