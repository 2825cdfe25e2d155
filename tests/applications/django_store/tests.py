"""The application's own tests, run by Django's runner in a database that it makes."""

import re
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import TestCase, TransactionTestCase

from tests.applications.django_store.models import Customer, Order

BOTH = {"default", "replica"}


class Orders(TestCase):
    """Each in a transaction that is taken back."""

    databases = BOTH

    @classmethod
    def setUpTestData(cls) -> None:
        """One customer for all."""
        cls.customer = Customer.objects.create(email="a@example.org")

    def test_they_are_in_a_database_of_the_runner_s(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_database(), current_user")
            name, user = cursor.fetchone()
        assert re.search(r"^test_store(_\d+)?$", name)
        assert user == "store"

    def test_what_the_database_forbids_is_an_error_and_only_of_the_savepoint(self) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            Order.objects.create(customer=self.customer, amount=-1)
        Order.objects.create(customer=self.customer, amount=Decimal("9.99"), details={"colour": "green"})
        assert Order.objects.filter(details__colour="green").count() == 1

    def test_nothing_is_left_of_another_test(self) -> None:
        assert Order.objects.count() == 0

    def test_rows_are_locked_and_many_are_made_at_once(self) -> None:
        Order.objects.bulk_create(Order(customer=self.customer, amount=n) for n in range(500))
        with transaction.atomic():
            assert len(Order.objects.using("default").select_for_update().filter(amount__lt=10)) == 10
        assert sum(1 for _ in Order.objects.iterator(chunk_size=50)) == 500


class Committed(TransactionTestCase):
    """Each commits, and all tables are emptied afterwards."""

    databases = BOTH

    def test_what_waits_for_the_commit_happens_after_it(self) -> None:
        seen: list[int] = []
        with transaction.atomic():
            Customer.objects.create(email="b@example.org")
            transaction.on_commit(lambda: seen.append(Customer.objects.count()))
            assert seen == []
        assert seen == [1]

    def test_tables_are_empty_again(self) -> None:
        assert Customer.objects.count() == 0


class Admin(TestCase):
    """Sessions, permissions and the admin's pages."""

    databases = BOTH

    def test_somebody_logs_in_and_adds_a_customer(self) -> None:
        self.client.force_login(User.objects.create_superuser("root", password="x"))
        made = self.client.post("/admin/django_store/customer/add/", {"email": "c@example.org"})
        assert made.status_code == 302
        self.assertContains(self.client.get("/admin/django_store/customer/"), "c@example.org")
