import { crashTest, testBackfill } from '../../src/testing/index.js'
import type {
  citySlug as CitySlug,
  citySlugInSql as CitySlugInSql,
  userEmail as UserEmail,
} from './five-jobs.test-d.js'

declare const citySlug: typeof CitySlug
declare const citySlugInSql: typeof CitySlugInSql
declare const userEmail: typeof UserEmail

// Cases infer from the definition.
void testBackfill(citySlug, [{ row: { name: 'Oslo' }, expect: { slug: 'oslo' } }])
void testBackfill(citySlug, [{ row: { name: 'Oslo' }, expect: undefined }])
void testBackfill(userEmail, [{ row: { email: 'A@b', bio: null }, expect: { email: 'a@b', kind: 'person' } }])

// @ts-expect-error a column that is not selected
void testBackfill(citySlug, [{ row: { name: 'Oslo', id: 1 }, expect: { slug: 'oslo' } }])
// @ts-expect-error a column is missing
void testBackfill(userEmail, [{ row: { email: 'A@b' }, expect: undefined }])
// @ts-expect-error no such value
void testBackfill(userEmail, [{ row: { email: 'A@b', bio: null }, expect: { email: 'a@b', kind: 'ghost' } }])
// @ts-expect-error what is expected has to be said
void testBackfill(citySlug, [{ row: { name: 'Oslo' } }])
// @ts-expect-error rows never leave the database
void testBackfill(citySlugInSql, [{ row: {}, expect: undefined }])

// The counter is one of the columns that the definition writes.
void crashTest({ backfill: citySlug, counter: 'slug', prepare: () => undefined })
void crashTest({ backfill: citySlugInSql, counter: 'slug', prepare: () => undefined })
// @ts-expect-error it reads that one only
void crashTest({ backfill: citySlug, counter: 'name', prepare: () => undefined })
