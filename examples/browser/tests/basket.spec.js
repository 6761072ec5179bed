const { test, expect } = require('@playwright/test');

test.describe('basket', () => {
  test.beforeEach(({ page }) => page.goto('/'));

  test('begins empty', async ({ page }) => {
    await expect(page.locator('#sum')).toHaveText('0');
  });

  test('adds prices up', async ({ page }) => {
    await page.getByRole('button', { name: 'Add tea' }).click();
    await page.getByRole('button', { name: 'Add a cup' }).click();
    await expect(page.locator('#sum')).toHaveText('12', { timeout: 1000 });
  });
});
