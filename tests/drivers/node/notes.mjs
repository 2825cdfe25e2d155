// What `inv connect --as prisma` prints is db.mjs: writes, reads, and statements within a transaction.
import { prisma, reader } from "./db.mjs";

await prisma.$executeRawUnsafe("CREATE TABLE prisma_notes (id serial PRIMARY KEY, text text NOT NULL)");
for (let number = 0; number < 8; number++) await prisma.note.create({ data: { text: `note ${number}` } });
const within = await prisma.$transaction(async (notes) => [await notes.note.deleteMany(), await notes.note.count()]);
if (within[0].count !== 8 || within[1] !== 0) throw new Error(JSON.stringify(within));
await prisma.$executeRawUnsafe("DROP TABLE prisma_notes");
for (const client of [prisma, reader]) {
  console.log((await client.$queryRawUnsafe("SELECT current_user::text, pg_is_in_recovery()"))[0]);
  await client.$disconnect();
}
