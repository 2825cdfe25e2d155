"""Customers and their orders."""

from django.contrib import admin
from django.db import models


class Customer(models.Model):
    """Somebody who orders."""

    email = models.EmailField(unique=True)

    def __str__(self) -> str:
        """Its address."""
        return str(self.email)


class Order(models.Model):
    """What was ordered; never for less than nothing."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    details = models.JSONField(default=dict)
    placed = models.DateTimeField(auto_now_add=True)

    class Meta:
        """A rule that the database keeps."""

        constraints = (models.CheckConstraint(condition=models.Q(amount__gte=0), name="amount_not_negative"),)

    def __str__(self) -> str:
        """Its amount."""
        return str(self.amount)


admin.site.register(Customer)
