"""Answers offer engines, behind permission, with an audit trail."""
