const { defineConfig } = require('@playwright/test');

module.exports = defineConfig({
  testDir: 'tests',
  outputDir: 'report/files',
  reporter: [['list'], ['junit', { outputFile: 'report/junit.xml' }]],
  use: {
    baseURL: 'http://127.0.0.1:8123',
    launchOptions: { executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] },
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
  },
  webServer: { command: 'node site/server.js', url: 'http://127.0.0.1:8123' },
});
