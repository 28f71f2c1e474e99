"""A client for BigCommerce's Customers V3 API."""
