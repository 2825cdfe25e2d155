"""An application with SQLAlchemy: its schema made and changed by one session, its work done by another kind."""

from sqlalchemy import ForeignKey, String, func, select, text
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship


class Base(DeclarativeBase):
    """All tables."""


class Author(Base):
    """Who writes."""

    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    articles: Mapped[list["Article"]] = relationship(back_populates="author", lazy="selectin")


class Article(Base):
    """What was written."""

    __tablename__ = "article"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id", ondelete="CASCADE"))
    author: Mapped[Author] = relationship(back_populates="articles")


def migrate(engine: Engine) -> None:
    """As a migration does: tables, then a column and an index with their data, in one transaction under a lock."""
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(20261127)"))
        connection.execute(text("ALTER TABLE article ADD COLUMN words integer NOT NULL DEFAULT 0"))
        connection.execute(text("CREATE INDEX article_words ON article (words)"))
        connection.execute(text("UPDATE article SET words = length(title)"))


def write(engine: Engine) -> int:
    """Objects and what belongs to them; then how many articles there are."""
    with Session(engine) as session, session.begin():
        session.add(Author(name="ada", articles=[Article(title=f"no {n}") for n in range(20)]))
    with Session(engine) as session:
        return session.scalar(select(func.count()).select_from(Article)) or 0


async def work(engine: AsyncEngine) -> list[str]:
    """The same, asynchronously: a statement that is prepared and used again, and one that is rolled back."""
    async with AsyncSession(engine) as session:
        for n in range(20):
            async with session.begin():
                session.add(Author(name=f"author {n}", articles=[Article(title="first"), Article(title="second")]))
        async with session.begin() as transaction:
            session.add(Author(name="nobody"))
            await transaction.rollback()
        found = await session.scalars(select(Author.name).join(Article).distinct().order_by(Author.name).limit(3))
        return list(found)
